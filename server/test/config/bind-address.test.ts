import { expect, test } from "vitest";
import { formatBindAddress, parseBindAddress } from "../../src/config/bind-address.ts";

test.each([
  ["127.0.0.1:8000", { kind: "tcp", host: "127.0.0.1", port: 8000 }],
  ["localhost:0", { kind: "tcp", host: "localhost", port: 0 }],
  ["my-host.example:65535", { kind: "tcp", host: "my-host.example", port: 65_535 }],
  ["[::1]:8000", { kind: "tcp", host: "::1", port: 8000 }],
  ["[::]:8000", { kind: "tcp", host: "::", port: 8000 }],
  [":8000", { kind: "tcp", host: undefined, port: 8000 }],
  ["unix:/run/app.sock", { kind: "unix", path: "/run/app.sock" }],
  ["unix:app.sock", { kind: "unix", path: "app.sock" }],
])("%s is understood and written back", (text, address) => {
  expect(parseBindAddress(text)).toEqual(address);
  expect(formatBindAddress(parseBindAddress(text))).toBe(text);
});

test("a port alone listens on this machine only", () => {
  expect(parseBindAddress("9000")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 9000 });
});

const NOT_AN_ADDRESS = "is not HOST:PORT, [IPV6]:PORT, :PORT, PORT or unix:PATH";
const BAD_PORT = "has a port that is not a whole number from 0 to 65535";

test.each([
  ["", NOT_AN_ADDRESS],
  ["localhost", NOT_AN_ADDRESS],
  ["::", NOT_AN_ADDRESS],
  ["[::1]", NOT_AN_ADDRESS],
  ["a b:80", NOT_AN_ADDRESS],
  ["-x:80", NOT_AN_ADDRESS],
  ["http://localhost:80", `${NOT_AN_ADDRESS}; an address has no scheme and no path`],
  ["::1:8000", "has an IPv6 address without brackets; write [::1]:PORT"],
  ["[localhost]:80", "has no IPv6 address between its brackets"],
  ["999.1.1.1:80", "has a host that is not a valid IPv4 address"],
  ["127.1:80", "has a host that is not a valid IPv4 address"],
  ["localhost:", BAD_PORT],
  ["localhost:http", BAD_PORT],
  ["localhost:-1", BAD_PORT],
  ["localhost:65536", BAD_PORT],
  ["70000", BAD_PORT],
  ["unix:", "names no socket path; write unix:PATH"],
])("%j is refused: it %s", (text, message) => {
  expect(() => parseBindAddress(text)).toThrow(message);
});
