import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { StreamConnection } from "./stream-connection.mjs";
import { TimeLog } from "./time-log.mjs";

/** @typedef {import("./messages.ts").LoadResult} LoadResult */

// Streams that may wait for their first token at once. Fewer than the backlog of the servers (2048): else, where
// the machine is slow, the kernel drops connections that no server ever saw.
const MOST_WAITING = 1_500;

/**
 * Runs many streams at once, round by round.
 * @param {import("./messages.ts").StreamLoad} load
 * @param {() => void} onOpen called once, when every stream of the first round has had its first token or failed
 * @returns {Promise<LoadResult>}
 */
export async function runStreams(load, onOpen) {
  const gaps = new TimeLog(load.streams * load.rounds * load.tokens);
  const firstTokens = new TimeLog(load.streams * load.rounds);
  const tally = new Tally();
  let opened = 0;
  let waiting = 0;
  const open = () => {
    waiting--;
    if (++opened === load.streams) onOpen();
  };
  const connections = Array.from(
    { length: load.streams },
    () =>
      new StreamConnection(load.port, (gap) => {
        if (gap >= 0) gaps.add(gap);
        else open();
      }),
  );
  const request = httpRequest("POST", load.path, load.body);
  const busy = busyMeter();
  for (let round = 0; round < load.rounds; round++) {
    const start = performance.now();
    await Promise.all(
      connections.map(async (connection, index) => {
        const wait = start + (index * load.spreadMs) / load.streams - performance.now();
        if (wait > 0) await sleep(wait);
        while (waiting >= MOST_WAITING) await sleep(10);
        waiting++;
        tally.add(await connection.ask(request, load.tokens, load.timeoutMs), connection.tokens);
        if (connection.firstTokenAt > 0) firstTokens.add(connection.firstTokenAt - connection.sentAt);
        else open();
      }),
    );
    tally.roundMs.push(performance.now() - start);
  }
  const share = busy();
  for (const connection of connections) connection.close();
  return tally.result(gaps, firstTokens, share);
}

/**
 * Makes requests one after another on one connection.
 * @param {import("./messages.ts").SequentialLoad} load
 * @returns {Promise<LoadResult>}
 */
export async function runSequential(load) {
  const gaps = new TimeLog(load.count * (load.tokens ?? 0));
  const latencies = new TimeLog(load.count);
  const tally = new Tally();
  let counting = false;
  const connection = new StreamConnection(load.port, (gap) => {
    if (counting && gap >= 0) gaps.add(gap);
  });
  const request = httpRequest(load.method, load.path, load.body);
  let busy = busyMeter();
  let start = performance.now();
  for (let number = 0; number < load.warmup + load.count; number++) {
    if (number === load.warmup) {
      counting = true;
      busy = busyMeter();
      start = performance.now();
    }
    const reason = await connection.ask(request, load.tokens, load.timeoutMs);
    // A failure counts in the warm-up too: nothing that goes wrong may stay unseen.
    if (counting || reason !== "") tally.add(reason, connection.tokens);
    const end = load.tokens === null ? connection.endedAt : connection.firstTokenAt;
    if (counting && reason === "") latencies.add(end - connection.sentAt);
    if (load.pauseMs > 0) await sleep(load.pauseMs);
  }
  tally.roundMs.push(performance.now() - start);
  const share = busy();
  connection.close();
  return tally.result(gaps, latencies, share);
}

class Tally {
  /** @type {number[]} */
  roundMs = [];
  tokens = 0;
  answers = 0;
  /** @type {Record<string, number>} */
  failures = {};

  /**
   * @param {string} reason why the answer failed; empty when it was whole
   * @param {number} tokens
   */
  add(reason, tokens) {
    this.tokens += tokens;
    if (reason === "") this.answers++;
    else this.failures[reason] = (this.failures[reason] ?? 0) + 1;
  }

  /**
   * @param {TimeLog} gaps
   * @param {TimeLog} latencies
   * @param {number} busy
   * @returns {LoadResult}
   */
  result(gaps, latencies, busy) {
    const { roundMs, tokens, answers, failures } = this;
    return {
      roundMs,
      tokens,
      answers,
      failures,
      gaps: gaps.percentiles(),
      latency: latencies.percentiles(),
      busy,
    };
  }
}

function busyMeter() {
  const before = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(before).utilization;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {string} body
 */
function httpRequest(method, path, body) {
  const lines = [`${method} ${path} HTTP/1.1`, "host: 127.0.0.1"];
  if (body !== "") lines.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
