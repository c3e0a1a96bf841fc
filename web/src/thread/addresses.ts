const ALLOWED = new Set(["http:", "https:", "mailto:"]);

/**
 * Lets an address out of a model's answer through only where following it does no harm: nothing that runs
 * (`javascript:`), and nothing whose content comes with the address itself (`data:`, `blob:`).
 * @param page the address of the page, against which relative ones are read
 */
export function safeAddress(address: string, page: string): string | undefined {
  const url = URL.canParse(address, page) ? new URL(address, page) : undefined;
  return url !== undefined && ALLOWED.has(url.protocol) ? address : undefined;
}

/** Whether an image may be loaded: from another origin it would tell that origin who reads what, and when. */
export function isOwnImage(address: string, page: string): boolean {
  return URL.canParse(address, page) && new URL(address, page).origin === new URL(page).origin;
}
