/** What a client sent, as an error may repeat it: its first 100 characters. */
export function shorten(sent: string): string {
  return sent.length > 100 ? `${sent.slice(0, 100)}…` : sent;
}
