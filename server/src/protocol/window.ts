/**
 * How many bytes of a stream may be on their way at once. The receiver grants half of it again when it has
 * passed that much on, so a slow reader stops its own generator and no other.
 */
export const WINDOW: number = 256 * 1024;
