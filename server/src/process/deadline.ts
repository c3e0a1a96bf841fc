/**
 * Waits for work, for at most `ms`. The work goes on after that, and what becomes of it is ignored.
 * @param ms how long the work may take.
 * @param late gives what stands for the result of work that is not done by then, or throws.
 * @returns the work's result, or what `late` gave. Rejects as the work does, or with what `late` threw.
 */
export async function deadline<Result, Late>(
  ms: number,
  work: Promise<Result>,
  late: () => Late,
): Promise<Result | Late> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(late);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
