/**
 * Reads a whole number from the environment.
 *
 * @param otherwise what it is where the variable is unset or empty.
 * @throws Error that names the variable and its bad value.
 */
export function wholeNumber(
  env: NodeJS.ProcessEnv,
  name: string,
  otherwise: number,
  min: number,
  max: number,
): number {
  const text = env[name];
  if (!text) return otherwise;
  const value = /^\d{1,8}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  throw new Error(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}
