/** What of a process can be replaced by a program: `process.execve`, which Node has from 22.15 on. */
type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

// As process 1 a shell that waits also reaps what was never its child. It passes on every signal that the arbiter
// knows, and ends as the server does.
const INIT = `
for name in TERM INT QUIT HUP USR1 USR2 TTIN TTOU; do trap "kill -$name \\$server" $name; done
"$@" &
server=$!
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
exit "$code"`;

/**
 * Lets a shell take the place of process 1 in a container, and start the command again as its child. Process 1 gets
 * every process whose parent has ended and must reap it, which Node cannot.
 * @returns what to do about it, where this Node cannot be replaced; undefined where there is nothing to do.
 */
export function leaveProcessOne(): string | undefined {
  if (process.pid !== 1) return undefined;
  const { execve } = process as { execve?: Execve };
  const advice =
    "this is process 1, and Node does not reap processes whose parent has ended; start the container with an init (docker run --init, init: true in compose.yaml)";
  if (execve === undefined) return advice;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    return execve("/bin/sh", ["sh", "-c", INIT, "tsunicorn-init", ...command], process.env);
  } catch {
    return advice;
  }
}
