/** The oldest Node that the project runs on: [major, minor]. The same as "engines" in package.json. */
export const OLDEST_NODE = [20, 19];

/**
 * Says whether a Node version is new enough.
 * @param {string} version such as "20.19.0"
 * @returns {boolean}
 */
export function isSupportedNode(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/**
 * Ends the process with a plain message where Node is too old. The entries call it before they load anything
 * else: newer syntax in a file that is loaded with them would be the error that the user sees instead.
 */
export function requireNode() {
  if (isSupportedNode(process.versions.node)) return;
  console.error(
    `Tsunicorn needs Node ${OLDEST_NODE.join(".")} or later; this is Node ${process.versions.node}.`,
  );
  process.exit(1);
}
