export default function handler(_request, response) {
  response.setHeader("content-type", "application/octet-stream");
  for (const part of ["a", "b", "c"]) response.write(part);
  response.end("d");
}
