import { answerTo } from "../../src/models/answers.ts";
import { SimulatedModel } from "../../src/models/simulated.ts";
import { describeModel } from "./contract.ts";

const subject = {
  prompt: "hello",
  answer: answerTo("hello").join(""),
  within: "dirty worker: a process",
  concurrency: 50,
  draws: false,
};

describeModel("the simulated model", {
  ...subject,
  open: () => new SimulatedModel({ delay: { min: 0, max: 0 } }),
});

describeModel("the simulated model at a pace of its own", {
  ...subject,
  open: () => new SimulatedModel({ delay: { min: 1, max: 2 } }),
});
