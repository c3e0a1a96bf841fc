import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/**
 * Sets the headers that tell browsers what a scope's pages may do. Everything comes from this origin: neither
 * the chat page nor the docs needs anything from elsewhere.
 *
 * For pages only. The API's answers are no documents, and these headers would stay in memory for as long as a
 * stream is open: 2 KB each, for thousands of streams.
 */
export function security(scope: FastifyInstance): void {
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
        imgSrc: ["'self'", "data:"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
      },
    },
    // Whether a domain and all those below it are on HTTPS is for the proxy before this server to say.
    strictTransportSecurity: false,
  });
}
