import { setting } from "./setting.ts";
import { addresses, hostNames, inspectAddress, permissionMask, seconds, wholeNumber } from "./validators.ts";

/** The settings of HTTP workers: rows of the table in `settings.ts`, in its order. */
export const httpSettings = {
  bind: setting<string[]>({
    section: "HTTP workers",
    description:
      "Address to listen on, as HOST:PORT, [IPV6]:PORT, :PORT (every address of the machine), PORT (127.0.0.1) or unix:PATH; may be given several times; port 0 picks a free one.",
    metavar: "ADDRESS",
    kind: "list",
    validator: addresses(),
    default: ["127.0.0.1:8000"],
    platformVariable: "PORT",
    letter: "b",
  }),
  workers: setting<number>({
    section: "HTTP workers",
    description: "Number of HTTP workers.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(1, 1000),
    default: 1,
    platformVariable: "WEB_CONCURRENCY",
    letter: "w",
  }),
  umask: setting<string | undefined>({
    section: "HTTP workers",
    description:
      "Permissions, in octal, that the unix sockets of bind do not get: with 0007 their group can connect, with 0 every user; other files are not concerned.",
    metavar: "MASK",
    kind: "text",
    validator: permissionMask(),
    default: undefined,
    defaultText: "that of the process: mostly 0022, with which its own user can connect",
    letter: "m",
  }),
  inspect: setting<string | undefined>({
    section: "HTTP workers",
    description:
      "For development: address at which an HTTP worker listens for Node's debugger, each further one at the next free port; a worker that does is not replaced for silence.",
    metavar: "[HOST:]PORT",
    kind: "text",
    validator: inspectAddress(),
    default: undefined,
    defaultText: "none; 127.0.0.1:9229 where the flag has no value",
    bare: "127.0.0.1:9229",
  }),
  backlog: setting<number>({
    section: "HTTP workers",
    description: "Number of connections that may wait to be accepted, for each address.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(1, 65_535),
    default: 2048,
  }),
  timeout: setting<number>({
    section: "HTTP workers",
    description:
      "Seconds after which an HTTP worker, or the dirty arbiter, whose event loop is silent is replaced; 0 for never.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
    letter: "t",
  }),
  gracefulTimeout: setting<number>({
    section: "HTTP workers",
    description: "Seconds that requests in progress get to finish when an HTTP worker is asked to stop.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  maxRequests: setting<number>({
    section: "HTTP workers",
    description:
      "Number of requests after which an HTTP worker is replaced, once its successor is ready; 0 for never.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  maxRequestsJitter: setting<number>({
    section: "HTTP workers",
    description:
      "Most requests that are added to maxRequests, at random for each worker, so that not all are replaced at once.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),

  keepalive: setting<number>({
    section: "HTTP limits",
    description: "Seconds that an idle connection is kept open for its next request; 0 closes it at once.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 5,
  }),
  headersTimeout: setting<number>({
    section: "HTTP limits",
    description: "Seconds within which all headers of a request must have arrived.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: ({ requestTimeout }) => Math.min(10, requestTimeout),
    defaultText: "10, or requestTimeout where that is less",
  }),
  requestTimeout: setting<number>({
    section: "HTTP limits",
    description:
      "Seconds within which the body of a request must have arrived; each 500 bytes that arrive add another.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 300,
  }),
  stallTimeout: setting<number>({
    section: "HTTP limits",
    description:
      "Seconds that a client may take nothing of an answer that waits for it before its connection is closed; 0 for never.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 60,
  }),
  maxHeaderSize: setting<number>({
    section: "HTTP limits",
    description: "Most bytes that the headers of a request may have.",
    metavar: "BYTES",
    kind: "number",
    validator: wholeNumber(1024, 1_048_576),
    default: 8190,
  }),
  allowedHosts: setting<string[]>({
    section: "HTTP limits",
    description:
      "Name that requests at a loopback address may have in their Host, besides localhost and IP addresses: NAME, .NAME (it and its subdomains) or * (any); may be given several times.",
    metavar: "NAME",
    kind: "list",
    validator: hostNames(),
    default: [],
    flag: "allowed-host",
  }),
};
