/** What the chat's own flags set. The server command knows nothing of models, so they become variables before it starts. */
const FLAGS = {
  "--model": { variable: "CHAT_MODELS", list: true },
  "--openai-base-url": { variable: "OPENAI_BASE_URL", list: false },
};

/**
 * Takes the chat's own flags out of a command line.
 *
 * @param {readonly string[]} args as they were given: `--model a`, `--model=a`; `--model` may be given several times
 * @returns {{ args: string[], variables: Record<string, string> }} what is left for the server, and what the flags set
 * @throws {Error} where a flag has no value, or one is given twice that may be given once
 */
export function takeModelFlags(args) {
  const left = [];
  const variables = {};
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === "--") return { args: [...left, ...args.slice(at)], variables };
    const [flag] = arg.split("=", 1);
    const known = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
    if (known === undefined) {
      left.push(arg);
      continue;
    }
    const value = arg === flag ? args[++at] : arg.slice(flag.length + 1);
    if (!value || (arg === flag && value.startsWith("--"))) throw new Error(`${flag} needs a value`);
    const { variable, list } = known;
    if (variables[variable] !== undefined && !list) throw new Error(`${flag} may be given only once`);
    variables[variable] = variables[variable] === undefined ? value : `${variables[variable]},${value}`;
  }
  return { args: left, variables };
}
