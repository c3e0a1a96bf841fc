/** A Nest app on Express, as TypeScript compiles it: decorators are calls here. */
require("reflect-metadata");
const { Controller, Get, Module, Sse } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { of } = require("rxjs");

class AppController {
  hello() {
    return { framework: "nest" };
  }
  events() {
    return of({ data: "one" }, { data: "two" });
  }
  async onModuleDestroy() {
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log("the module was destroyed");
  }
}
const decorate = (method, decorator) =>
  decorator(
    AppController.prototype,
    method,
    Object.getOwnPropertyDescriptor(AppController.prototype, method),
  );
decorate("hello", Get("/"));
decorate("events", Sse("/events"));
Controller()(AppController);

class AppModule {}
Module({ controllers: [AppController] })(AppModule);

module.exports = NestFactory.create(AppModule, { logger: false });
