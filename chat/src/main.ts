import { buildApp } from "./app.ts";
import { bodyLimits } from "./body-limits.ts";
import { parseModels } from "./models/catalog.ts";

export default buildApp(parseModels(process.env.CHAT_MODELS, process.cwd()), bodyLimits(process.env));
