/** Headers that repeat, in each way in which a listener can write them. */
const LISTS = {
  "/flat": [
    "Set-Cookie",
    "a=1",
    "Set-Cookie",
    "b=2",
    "Link",
    "<a>",
    "Link",
    "<b>",
    "Content-Type",
    "text/plain",
  ],
  "/object": { "Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/plain" },
};

export default function serve(request, response) {
  const list = LISTS[request.url];
  if (list !== undefined) {
    response.writeHead(200, list);
    response.end("x");
    return;
  }
  response.setHeader("Set-Cookie", ["a=1"]);
  response.appendHeader("Set-Cookie", "b=2");
  response.setHeader("Trailer", "X-Sum");
  response.write("some ");
  response.write("text");
  response.addTrailers({ "X-Sum": "9" });
  response.end();
}
