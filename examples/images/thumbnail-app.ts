import { PNG } from "pngjs";
import { DirtyApp } from "tsunicorn";
import { readPngHeader } from "./png-header.ts";
import { shrink } from "./shrink.ts";

/** More pixels than this would take too much memory: four bytes each, and as much again while they are decoded. */
const MOST_PIXELS = 25_000_000;

/** A thumbnail, or why it was refused. */
export type Thumbnail = { png: Uint8Array } | { refused: string };

/** Images become thumbnails. One at a time in each worker: it is all computing, which would only take turns. */
export class ThumbnailApp extends DirtyApp {
  /**
   * Makes a thumbnail of a PNG image.
   * @param width in pixels; an image that is not wider keeps its own.
   * @returns a refusal for what is not an image, rather than an error: an error is a fault of the app, and logged as one.
   */
  thumbnail(image: Uint8Array, width: number): Thumbnail {
    const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength); // the same bytes, no copy
    const header = readPngHeader(bytes);
    if (header === undefined) return { refused: "this is not a PNG image" };
    // Before it is decoded: a few bytes can claim to be an image of any size.
    if (header.width * header.height > MOST_PIXELS) {
      return {
        refused: `${header.width} × ${header.height} are too many pixels: ${MOST_PIXELS} is the most`,
      };
    }
    if (header.interlaced) return { refused: "interlaced images are not supported" };
    try {
      return { png: PNG.sync.write(shrink(PNG.sync.read(bytes), width)) };
    } catch {
      return { refused: "this PNG image is broken" };
    }
  }
}
