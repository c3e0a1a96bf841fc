import { connect } from "node:net";

/** The largest report of a server is far below this. A program that sends more is not Tsunicorn. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** No server that could answer was found. */
export class NoServerError extends Error {
  override readonly name = "NoServerError";
}

/** The server refused, failed or did not answer. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/**
 * Asks a server over its control socket, and resolves with its result.
 *
 * @param words the command, as `["show", "workers"]`.
 * @param ms how long the answer may take.
 * @throws NoServerError when no server listens there, RefusedError with the server's reason, or when it gave none.
 */
export function askServer(path: string, words: readonly string[], ms: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(new RefusedError(`The server at ${path} did not answer within ${ms / 1000} s.`)),
      ms,
    );
    socket.once("connect", () => socket.write(`${JSON.stringify({ command: words })}\n`));
    socket.on("data", (data: Buffer) => {
      chunks.push(data);
      bytes += data.length;
      if (bytes > MAX_ANSWER) fail(new RefusedError(`The program that answers at ${path} is not Tsunicorn.`));
      if (!data.includes(0x0a)) return;
      clearTimeout(timer);
      socket.destroy();
      try {
        resolve(readAnswer(Buffer.concat(chunks).toString("utf8")));
      } catch (error) {
        reject(error);
      }
    });
    socket.once("close", () =>
      fail(new RefusedError(`The server at ${path} closed the connection without an answer.`)),
    );
    socket.once("error", (error: NodeJS.ErrnoException) => fail(explainFailure(path, error)));
  });
}

function readAnswer(text: string): unknown {
  const [line = ""] = text.split("\n", 1);
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch (error) {
    throw new RefusedError("The answer is not JSON: the program that listens there is not Tsunicorn.", {
      cause: error,
    });
  }
  if (typeof answer === "object" && answer !== null && "ok" in answer) {
    if (answer.ok === true && "result" in answer) return answer.result;
    if ("error" in answer && typeof answer.error === "string") throw new RefusedError(answer.error);
  }
  throw new RefusedError(
    "The answer has an unknown form: the program that listens there is not Tsunicorn, or another version.",
  );
}

function explainFailure(path: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case "ENOENT":
      return new NoServerError(`There is no control socket at ${path}.`, { cause: error });
    case "ECONNREFUSED":
      return new NoServerError(`No server listens at ${path}: it is gone.`, { cause: error });
    case "ENOTSOCK":
      return new NoServerError(`${path} is not a socket.`, { cause: error });
    case "EACCES":
    case "EPERM":
      return new NoServerError(`${path} belongs to another user.`, { cause: error });
    default:
      return new RefusedError(`The connection to ${path} failed: ${error.message}`, { cause: error });
  }
}
