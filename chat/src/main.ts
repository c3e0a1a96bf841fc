import { buildApp } from "./app.ts";
import { parseModels } from "./models/catalog.ts";

export default buildApp(parseModels(process.env.CHAT_MODELS, process.cwd()));
