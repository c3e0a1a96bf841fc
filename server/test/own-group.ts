/**
 * Loaded before every test file. To signal process 0 is to signal the test's own process group: a test that did not
 * find the process which it wants to end would end the whole run, without a word.
 */
const kill = process.kill.bind(process);

process.kill = (pid, signal) => {
  if (pid <= 0) throw new Error(`A test would signal the process group ${pid}, most likely its own.`);
  return kill(pid, signal);
};

export {};
