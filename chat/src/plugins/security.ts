import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/**
 * Sets the headers that tell browsers what a scope's pages may do. Everything comes from this origin: neither
 * the chat page nor the docs needs anything from elsewhere.
 *
 * Pictures come from it too, so that nothing which a model says can show what it drew up itself.
 *
 * For pages only. The API's answers are not documents, and these headers would stay in memory for as long as a
 * stream is open: 2 KB each, for thousands of streams.
 *
 * @param pictures where else the scope's pages may have pictures from.
 */
export function security(scope: FastifyInstance, pictures: readonly "data:"[] = []): void {
  scope.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        imgSrc: ["'self'", ...pictures],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
      },
    },
    // Whether a domain and all those below it are on HTTPS is for the proxy before this server to say.
    strictTransportSecurity: false,
  });
}
