/**
 * Loaded before every test file. To signal process 0 is to signal the test's own process group: a test that did not
 * find the process which it wants to end would end the whole run, without a word. A group by its id is meant.
 */
const kill = process.kill.bind(process);

process.kill = (pid, signal) => {
  if (pid === 0 || pid === -1)
    throw new Error("A test would signal its own process group, or every process.");
  return kill(pid, signal);
};

export {};
