/** How models mark what they think, before they answer. */
export const THINK = { prefix: "<think>", suffix: "</think>" } as const;
