import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { HostCheck } from "../../src/http-worker/host-check.ts";

const LOOPBACK = "127.0.0.1";

function request(hosts: readonly string[], url = "/"): IncomingMessage {
  const rawHeaders = ["Accept", "*/*", ...hosts.flatMap((host) => ["HoSt", host])];
  return { rawHeaders, url, headers: { host: hosts[0] } } as IncomingMessage;
}

function statusOf(
  hosts: readonly string[],
  { allowed = [], at, url }: { allowed?: string[]; at: string | undefined; url?: string },
): number | undefined {
  return new HostCheck(allowed).refusal(request(hosts, url), at)?.status;
}

describe("at a loopback address", () => {
  test.each([
    ["localhost"],
    ["localhost:8000"],
    ["LocalHost"],
    ["localhost."],
    ["127.0.0.1:8000"],
    ["192.168.1.7"],
    ["0.0.0.0:1"],
    ["[::1]:8000"],
    ["[fe80::1]"],
  ])("%s is served", (host) => {
    for (const at of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
      expect(statusOf([host], { at })).toBeUndefined();
  });

  test.each([
    ["evil.example"],
    ["evil.example:8000"],
    ["localhost.evil.example"],
    ["notlocalhost"],
    ["127.0.0.1.evil.example"],
    ["2130706433"],
    ["127.1"],
    ["%6cocalhost"],
    [""],
    [":8000"],
  ])("%j is 421", (host) => {
    for (const at of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
      expect(statusOf([host], { at })).toBe(421);
  });

  test("names that are allowed are served, with any port", () => {
    const allowed = ["chat.example", ".internal"];
    for (const host of ["chat.example", "Chat.Example:80", "chat.example.", "internal", "a.b.internal:1"])
      expect(statusOf([host], { allowed, at: LOOPBACK })).toBeUndefined();
    for (const host of ["sub.chat.example", "chat.example.evil", "notinternal", "internal.evil"])
      expect(statusOf([host], { allowed, at: LOOPBACK })).toBe(421);
    expect(statusOf(["evil.example"], { allowed: ["*"], at: LOOPBACK })).toBeUndefined();
  });

  test("a target in absolute form counts as well", () => {
    expect(statusOf(["localhost"], { at: LOOPBACK, url: "http://evil.example/x" })).toBe(421);
    expect(statusOf(["evil.example"], { at: LOOPBACK, url: "http://localhost/x" })).toBe(421);
    expect(statusOf(["localhost"], { at: LOOPBACK, url: "http://localhost:8000?x" })).toBeUndefined();
    expect(statusOf(["localhost"], { at: LOOPBACK, url: "HTTP://user@localhost/" })).toBe(400);
  });

  test("without a Host, which HTTP/1.0 allows and no browser sends, a request is served", () => {
    expect(statusOf([], { at: LOOPBACK })).toBeUndefined();
  });

  test("the refusal names the setting and the name, but not one that is endless", () => {
    const refuse = (host: string) => new HostCheck([]).refusal(request([host]), "::1")?.detail;
    expect(refuse("evil.example:80")).toMatch(/allowedHosts.*"evil\.example".*--allowed-host/);
    expect(refuse("x".repeat(1000))?.length).toBeLessThan(500);
  });
});

test.each([["10.0.0.7"], ["2001:db8::1"], ["128.0.0.1"], [undefined]])(
  "at any other address, or on a unix socket, any name is served: %s",
  (at) => {
    for (const host of ["evil.example", "", "localhost:1"]) expect(statusOf([host], { at })).toBeUndefined();
  },
);

describe("wherever it arrives", () => {
  test.each([
    ["two", ["localhost", "localhost"]],
    ["two that differ", ["localhost", "evil.example"]],
    ["three", ["a", "b", "c"]],
  ])("%s Hosts are 400", (_what, hosts) => {
    for (const at of ["127.0.0.1", "10.0.0.7", undefined]) expect(statusOf(hosts, { at })).toBe(400);
  });

  test.each([
    ["local host"],
    ["a/b"],
    ["user@localhost"],
    ["localhost:80a"],
    ["localhost:80:80"],
    ["http://localhost"],
    ["::1"],
    ["[::1"],
    ["[127.0.0.1]"],
    ["[::1]x"],
    ["a%zz"],
    ["a, b"],
    ["h\u00e9llo"],
    ["a#b"],
    ["a?b"],
    ["a\\b"],
  ])("%j is not a Host: 400", (host) => {
    for (const at of ["127.0.0.1", "10.0.0.7", undefined])
      expect(statusOf([host], { at, allowed: ["*"] })).toBe(400);
  });
});
