/**
 * The configuration cannot be used. The message lists every problem that was found, not only the first,
 * so that a user who mends a config file needs one attempt and not one for each mistake.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One sentence for each problem: the setting's name, why it is refused, and where it came from. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} problems in the configuration:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.problems = problems;
  }
}
