import type { JSX } from "react";
import { setPreferences, usePreferences } from "../preferences.ts";
import { useModels } from "../runtime/models.ts";

/** The choice between the server's models. Nothing where there is only one. */
export function ModelChoice(): JSX.Element | null {
  const { model } = usePreferences();
  const models = useModels();
  if (models.length < 2) return null;
  return (
    <select
      className="model"
      aria-label="Model"
      value={models.find((one) => one === model) ?? models[0]}
      onChange={(event) => setPreferences({ model: event.currentTarget.value })}
    >
      {models.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
}
