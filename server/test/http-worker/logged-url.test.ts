import { expect, test } from "vitest";
import { loggedUrl } from "../../src/http-worker/logged-url.ts";

test.each([
  ["/v1/models?api_key=sk-123", "/v1/models?api_key=…"],
  ["/x?a=1&token=t&b=2", "/x?a=1&token=…&b=2"],
  ["/x?access_token=t#part", "/x?access_token=…"],
  ["/x?API-KEY=t", "/x?API-KEY=…"],
  ["/x?apiKey=t&accessToken=u", "/x?apiKey=…&accessToken=…"],
  ["/x?X-Amz-Signature=t&X-Amz-Date=d", "/x?X-Amz-Signature=…&X-Amz-Date=d"],
  ["/x?key=a=b=c", "/x?key=…"],
  ["/x?key=a&key=b", "/x?key=…&key=…"],
  ["/x?api%5Fkey=t", "/x?api%5Fkey=…"],
  ["/x?api%255Fkey=t", "/x?api%255Fkey=…"],
  ["/x?auth[password]=t", "/x?auth[password]=…"],
  ["/x?a=1;password=t", "/x?a=1;password=…"],
  ["/x??key=t", "/x??key=…"],
  ["http://user:secret@host/x?a=1", "http://…@host/x?a=1"],
])("%s is logged as %s", (url, logged) => {
  expect(loggedUrl(url)).toBe(logged);
});

test.each(["/chat", "/x?keyword=cat&page=2&monkey=1", "/x?q=token", "/x?a=%", "/x?token", "/a@b?c=d@e", "*"])(
  "%s is logged as it is",
  (url) => {
    expect(loggedUrl(url)).toBe(url);
  },
);

test("a URL of 8 KB takes 1 KB of the log", () => {
  expect(loggedUrl(`/${"x".repeat(8000)}`)).toHaveLength(1001);
});
