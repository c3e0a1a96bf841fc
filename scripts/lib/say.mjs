const elapsed = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

/**
 * Prints one line about a slow step: what at once, then how long it took. To stderr, so that what the started
 * program prints stays clean.
 * @template T
 * @param {string} what such as "Building web"
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  const start = performance.now();
  process.stderr.write(`${what} ... `);
  try {
    const result = await work();
    process.stderr.write(`${elapsed(start)}\n`);
    return result;
  } catch (error) {
    process.stderr.write("failed\n");
    throw error;
  }
}

/**
 * The same for steps that run side by side: each line is printed when its step has ended.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function sideStep(what, work) {
  const start = performance.now();
  try {
    const result = await work();
    process.stderr.write(`${what} ... ${elapsed(start)}\n`);
    return result;
  } catch (error) {
    process.stderr.write(`${what} ... failed\n`);
    throw error;
  }
}
