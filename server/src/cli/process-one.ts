import { type ChildProcess, spawn } from "node:child_process";

/** What of a process can be replaced by a program: `process.execve`, which Node has from 22.15 on. */
type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

const ADVICE =
  "this is process 1, and Node does not reap processes whose parent has ended; start the container with an init (docker run --init, init: true in compose.yaml)";
/** The signals that the arbiter knows. */
const SIGNALS = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU"];

// As process 1 a shell that waits also reaps what was never its child. It passes on every signal that the arbiter
// knows, and ends as the server does.
const INIT = `
for name in ${SIGNALS.join(" ")}; do trap "kill -$name \\$server" $name; done
"$@" &
server=$!
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
exit "$code"`;

/** The number of the system call prctl, by the processor. */
const PRCTL: Partial<Record<NodeJS.Architecture, number>> = { x64: 157, arm64: 167 };
/** How a reaper ends that cannot be one: no server ends with it. */
const NO_REAPER = 125;
// Who asks the kernel to be a "child subreaper" gets the processes below it whose parent has ended, in place of process 1.
const REAPER = `
my $prctl = shift;
exit ${NO_REAPER} if syscall($prctl, 36, 1, 0, 0, 0) != 0;
my $server;
for my $name (qw(${SIGNALS.join(" ")})) { $SIG{$name} = sub { kill $name, $server if $server } }
$server = fork;
exit ${NO_REAPER} unless defined $server;
if ($server == 0) { exec { $ARGV[0] } @ARGV; exit ${NO_REAPER} }
while (1) {
  my $ended = wait;
  exit($? & 127 ? 128 + ($? & 127) : $? >> 8) if $ended == $server;
}`;

/**
 * Has another program reap in a container what process 1 has to, and start the command again as its child. Process 1 gets
 * every process whose parent has ended and must reap it, which Node cannot. Where Node can be replaced a shell takes its
 * place; elsewhere Perl, which each Debian has, is the one that gets those processes, and this process only passes signals on.
 * @returns what to do about it, where there is neither; undefined where there is nothing to do. Where the server is started
 *   again it never returns: the process ends with it.
 */
export async function leaveProcessOne(): Promise<string | undefined> {
  if (process.pid !== 1) return undefined;
  // A service manager's sockets are meant for this very process, and would not reach another.
  if (process.env["LISTEN_PID"] === "1") return ADVICE;
  const { execve } = process as { execve?: Execve };
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  if (execve === undefined) return serveBelowReaper(command);
  try {
    return execve("/bin/sh", ["sh", "-c", INIT, "tsunicorn-init", ...command], process.env);
  } catch {
    return ADVICE;
  }
}

async function serveBelowReaper(command: readonly string[]): Promise<string> {
  const prctl = PRCTL[process.arch];
  if (prctl === undefined) return ADVICE;
  process.title = "tsunicorn: init";
  const reaper = spawn("perl", ["-e", REAPER, String(prctl), ...command], { stdio: "inherit" });
  const passOn = SIGNALS.map((name) => passedOn(`SIG${name}` as NodeJS.Signals, reaper));
  const code = await new Promise<number>((resolve) => {
    reaper.once("error", () => resolve(NO_REAPER));
    reaper.once("exit", (ended) => resolve(ended ?? 1));
  });
  if (code !== NO_REAPER) process.exit(code);
  for (const stop of passOn) stop();
  return ADVICE;
}

function passedOn(signal: NodeJS.Signals, to: ChildProcess): () => void {
  const listener = (): void => void to.kill(signal);
  process.on(signal, listener);
  return () => process.off(signal, listener);
}
