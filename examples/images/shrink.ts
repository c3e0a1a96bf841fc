import { PNG } from "pngjs";

/** Makes an image smaller, each new pixel the mean of those that it stands for. @param width most pixels. */
export function shrink(image: PNG, width: number): PNG {
  if (image.width <= width) return image;
  const height = Math.max(1, Math.round((image.height * width) / image.width));
  const small = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    const rows = span(y, height, image.height);
    for (let x = 0; x < width; x++) {
      const mean = meanOf(image, span(x, width, image.width), rows);
      small.data.set(mean, (y * width + x) * 4);
    }
  }
  return small;
}

/** The pixels of a line of `from` that become number `at` of `to`: first, and the one behind the last. */
function span(at: number, to: number, from: number): [number, number] {
  const first = Math.floor((at * from) / to);
  return [first, Math.max(first + 1, Math.floor(((at + 1) * from) / to))];
}

/** The mean of a part of an image: red, green, blue, each by how much it is seen, and alpha. */
function meanOf({ data, width }: PNG, [left, right]: [number, number], [top, bottom]: [number, number]) {
  let [red, green, blue, alpha] = [0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let at = (y * width + left) * 4; at < (y * width + right) * 4; at += 4) {
      const seen = data[at + 3] ?? 0;
      red += (data[at] ?? 0) * seen;
      green += (data[at + 1] ?? 0) * seen;
      blue += (data[at + 2] ?? 0) * seen;
      alpha += seen;
    }
  }
  const count = (right - left) * (bottom - top);
  const whole = Math.max(alpha, 1);
  return [red / whole, green / whole, blue / whole, alpha / count].map(Math.round);
}
