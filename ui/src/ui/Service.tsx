import { serviceColor } from "../theme/service";
import s from "./Service.module.css";

/** A service's name with its colour. */
export function Service({ name }: { name: string }) {
  return (
    <span class={s.service} title={name}>
      <span class={s.dot} style={{ background: serviceColor(name) }} />
      <span class={s.name}>{name || "–"}</span>
    </span>
  );
}
