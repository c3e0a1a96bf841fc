import { describe, expect, it } from "vitest";
import { isOwnImage, safeAddress } from "../src/thread/addresses.ts";

const PAGE = "https://chat.example/under/";

describe("addresses in an answer", () => {
  it.each(["https://example.com/a?b#c", "http://example.com", "mailto:a@example.com", "docs", "/a", "#part"])(
    "can be followed: %s",
    (address) => {
      expect(safeAddress(address, PAGE)).toBe(address);
    },
  );

  it.each([
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://chat.example/1",
    "file:///etc/passwd",
    "streamdown:incomplete-link",
    "https://",
  ])("are dead: %j", (address) => {
    expect(safeAddress(address, PAGE)).toBeUndefined();
  });

  it("bring an image only from the page's own origin", () => {
    expect(isOwnImage("assets/a.png", PAGE)).toBe(true);
    expect(isOwnImage("https://chat.example/a.png", PAGE)).toBe(true);
    for (const address of [
      "https://example.com/a.png",
      "//example.com/a.png",
      "data:image/png;base64,AA",
      "blob:https://x/1",
      "https://chat.example:444/a",
    ])
      expect(isOwnImage(address, PAGE), address).toBe(false);
  });
});
