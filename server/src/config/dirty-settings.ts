import { isInPython } from "./app-spec.ts";
import { setting } from "./setting.ts";
import {
  actionNames,
  appSpecs,
  filePath,
  inspectAddress,
  resourcePools,
  seconds,
  socketPath,
  wholeNumber,
  yesOrNo,
} from "./validators.ts";

/** The settings of dirty workers: rows of the table in `settings.ts`, in its order. */
export const dirtySettings = {
  dirtyApps: setting<string[]>({
    section: "Dirty workers",
    description:
      "Dirty app to run, as PATH:Class or PATH:Class:N (loaded in at most N dirty workers, or in N of its own), PATH relative to chdir, its extension optional, or as python:MODULE:Class or python:MODULE:Class:N (in 1 or N workers of its own); may be given several times.",
    metavar: "SPEC",
    kind: "list",
    validator: appSpecs(),
    default: [],
    flag: "dirty-app",
  }),
  dirtyWorkers: setting<number>({
    section: "Dirty workers",
    description:
      "Number of dirty workers for all apps but those in Python, which have workers of their own; with dirtyOwnWorkers, for each of them that does not say how many.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1000),
    default: ({ dirtyApps, dirtySocket }) =>
      dirtySocket === undefined && dirtyApps.some((spec) => !isInPython(spec)) ? 1 : 0,
    defaultText: "1 with dirty apps that are not all in Python, else 0",
  }),
  dirtyOwnWorkers: setting<boolean>({
    section: "Dirty workers",
    description:
      "Give each dirty app workers of its own, so that no two apps share a process: as many as its spec or class says, else dirtyWorkers.",
    metavar: "",
    kind: "boolean",
    validator: yesOrNo(),
    default: false,
  }),
  dirtyActions: setting<string[]>({
    section: "Dirty workers",
    description:
      "Name of an action: each dirty app must have at least one of those that are named, else the server does not start; may be given several times.",
    metavar: "ACTION",
    kind: "list",
    validator: actionNames(),
    default: [],
    defaultText: "none is needed",
    flag: "dirty-action",
  }),
  python: setting<string>({
    section: "Dirty workers",
    description:
      "Interpreter for dirty apps in Python, 3.9 or later: a program's name, or the path, relative to chdir, of one or of a virtualenv's folder.",
    metavar: "PROGRAM",
    kind: "text",
    validator: filePath(),
    default: "python3",
  }),
  dirtyInspect: setting<string | undefined>({
    section: "Dirty workers",
    description:
      "For development: address at which a dirty worker listens for Node's debugger, each further one at the next free port; a worker that does is not replaced for silence, nor for a run that passes its time.",
    metavar: "[HOST:]PORT",
    kind: "text",
    validator: inspectAddress(),
    default: undefined,
    defaultText: "none; 127.0.0.1:9229 where the flag has no value",
    bare: "127.0.0.1:9229",
  }),
  dirtyTimeout: setting<number>({
    section: "Dirty workers",
    description: "Most seconds that one run of an action may take.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 300,
  }),
  dirtyGracefulTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds that runs in progress get to finish when a dirty worker is asked to stop.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  dirtyInitTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds within which a dirty worker must have loaded and initialised its apps.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 300,
  }),
  dirtyQueueSize: setting<number>({
    section: "Dirty workers",
    description: "Number of requests that may wait for a free slot, for each app; 0 for none.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000),
    default: 1024,
  }),
  dirtyQueueTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a request may wait for a free slot.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 30,
  }),
  dirtyAbortGrace: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a run gets to settle after its abort, before its worker is replaced.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 2,
  }),
  dirtyMaxRequests: setting<number>({
    section: "Dirty workers",
    description:
      "Number of runs after which a dirty worker is replaced, once its successor is ready; 0 for never.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  dirtyMaxRequestsJitter: setting<number>({
    section: "Dirty workers",
    description:
      "Most runs that are added to dirtyMaxRequests, at random for each worker, so that not all are replaced at once.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  streamGrace: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a resumable run goes on without a reader.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  migrationLimit: setting<number>({
    section: "Dirty workers",
    description:
      "Number of times that a run whose worker died is continued by another, where its action can continue.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 100),
    default: 3,
  }),
  resources: setting<Record<string, string[]>>({
    section: "Dirty workers",
    description:
      "What apps may ask for with static resources, as NAME=ID,ID: a worker with such an app gets units of it for itself (gpu: in CUDA_VISIBLE_DEVICES); may be given several times.",
    metavar: "NAME=IDS",
    kind: "list",
    validator: resourcePools(),
    default: () => ({}),
    defaultText: "none",
    flag: "resource",
  }),
  dirtyBind: setting<string | undefined>({
    section: "Dirty workers",
    description: "Path of the dirty arbiter's unix socket, relative to chdir.",
    metavar: "PATH",
    kind: "text",
    validator: socketPath(),
    default: undefined,
    defaultText: "in a private folder",
  }),
  dirtySocket: setting<string | undefined>({
    section: "Dirty workers",
    description:
      "Path of the dirty arbiter's unix socket of a running Gunicorn, relative to chdir: its dirty apps are called, and this server runs none; dirtyApps then names those that it needs, as module:Class.",
    metavar: "PATH",
    kind: "text",
    validator: socketPath(),
    default: undefined,
    defaultText: "none, the server runs its dirty apps itself",
    // By the name that would be usual each child finds the dirty arbiter's socket.
    variable: "TSUNICORN_GUNICORN_SOCKET",
  }),
};
