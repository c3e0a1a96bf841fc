/** Writes five events, one after the other, as a chat route does. */
export default async function handler(_request, response) {
  response.setHeader("content-type", "text/event-stream");
  for (let sent = 0; sent < 5; sent++) {
    response.write(`data: ${sent}\n\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  response.end();
}
