import { expect, test } from "vitest";
import { hideSecrets } from "../../src/config/hide-secrets.ts";
import { HIDDEN } from "../../src/process/hide-credentials.ts";

test.each([
  ["apiKey", "abc", HIDDEN],
  ["API_TOKEN", "abc", HIDDEN],
  ["dbPassword", 1234, HIDDEN],
  ["clientSecret", ["a", "b"], HIDDEN],
  ["url", "postgres://me:hush@db:5432/x", `postgres://${HIDDEN}@db:5432/x`],
  ["url", "https://ghp_hush@example.com", `https://${HIDDEN}@example.com`],
  ["url", "redis://:p@ss@host", `redis://${HIDDEN}@host`],
  ["bind", ["a", "http://u:p@h/ and http://v:q@i/"], ["a", `http://${HIDDEN}@h/ and http://${HIDDEN}@i/`]],
  ["url", "https://host/a?api_key=hush&x=1", `https://host/a?api_key=${HIDDEN}&x=1`],
  ["dsn", "host=db password=hush user=me", `host=db password=${HIDDEN} user=me`],
  ["resources", { gpu: ["0"], apiToken: ["hush"] }, { gpu: ["0"], apiToken: HIDDEN }],
  ["deep", [{ url: "//me:hush@h" }], [{ url: `//${HIDDEN}@h` }]],
])("hides what is secret in %s: %j", (name, value, shown) => {
  expect(hideSecrets(name, value)).toEqual(shown);
});

test.each([
  ["keepalive", 5],
  ["bind", ["127.0.0.1:8000", "unix:/run/web.sock"]],
  ["url", "http://host:80/path/with/me@home"],
  ["accessLog", false],
  ["token", undefined],
  ["secret", null],
  ["useToken", true],
])("leaves %s: %j", (name, value) => {
  expect(hideSecrets(name, value)).toEqual(value);
});
