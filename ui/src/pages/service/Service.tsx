import { useEffect } from "preact/hooks";
import type { Kind } from "../../api/types";
import { rangeParams } from "../../range";
import { place, url } from "../../router";
import { Empty } from "../../ui/State";
import { t } from "./messages";
import { RoutePage } from "./RoutePage";
import { ServicePage } from "./ServicePage";
import page from "../page.module.css";

const kinds: readonly string[] = ["server", "client", "producer", "consumer", "internal", "unspecified"];

/** The page of a service, or with an operation in the address that of a route. */
export default function Service() {
  const { params } = place.value;
  const name = params.get("name");
  const operation = params.get("operation");
  const kind = params.get("kind");
  useEffect(() => scrollTo(0, 0), [name, operation, kind]);
  useEffect(() => {
    const was = document.title;
    if (name) document.title = [operation, name, "weft"].filter(Boolean).join(" · ");
    return () => {
      document.title = was;
    };
  }, [name, operation]);
  if (!name) {
    return (
      <div class={page.page}>
        <Empty title={t.noService}>
          <p>{t.noServiceHint}</p>
          <a href={url("", rangeParams())}>{t.toServices}</a>
        </Empty>
      </div>
    );
  }
  if (operation === null) return <ServicePage key={name} service={name} />;
  return <RoutePage key={[name, operation, kind].join("\n")} service={name} operation={operation} kind={kind && kinds.includes(kind) ? (kind as Kind) : undefined} />;
}
