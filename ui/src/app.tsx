import { Component, type ComponentChildren, type FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { place, url } from "./router";
import { Shell } from "./shell/Shell";
import { settleColors } from "./theme/service";
import { t } from "./shell/messages";
import { Button } from "./ui/Button";
import { Empty, Progress } from "./ui/State";

const colored = settleColors();

type Page = () => Promise<{ default: FunctionComponent<{ id?: string }> }>;

// Each page is loaded when it is first opened.
const pages: Record<string, { load: Page; ranged: boolean | ((p: URLSearchParams) => boolean) }> = {
  "": { load: () => import("./pages/overview/Overview"), ranged: true },
  search: { load: () => import("./pages/search/Search"), ranged: true },
  trace: { load: () => import("./pages/trace/Trace"), ranged: false },
  service: { load: () => import("./pages/service/Service"), ranged: true },
  map: { load: () => import("./pages/map/Map"), ranged: true },
  compare: { load: () => import("./pages/compare/Compare"), ranged: (p) => !p.has("a") && !p.has("b") && p.get("of") !== "traces" },
};

export function App() {
  const [first, id, ...more] = place.value.path.split("/");
  const page = more.length === 0 && (first === "trace" ? id : !id) ? pages[first] : undefined;
  return (
    <Shell ranged={typeof page?.ranged === "function" ? page.ranged(place.value.params) : (page?.ranged ?? false)}>
      <Guard key={place.value.path}>
        {page ? <Lazy key={first} load={page.load} id={id} /> : <Missing />}
      </Guard>
    </Shell>
  );
}

function Lazy({ load, id }: { load: Page; id?: string }) {
  const [loaded, setLoaded] = useState<{ Page: FunctionComponent<{ id?: string }> }>();
  const [failed, setFailed] = useState<Error>();
  useEffect(() => {
    Promise.all([load(), colored]).then(([m]) => setLoaded({ Page: m.default }), setFailed);
  }, []);
  if (failed) throw failed; // for the Guard: weft was updated, or is away
  return loaded ? <loaded.Page id={id} /> : <Progress on />;
}

function Missing() {
  return (
    <Empty title={t.notFound}>
      <a href={url("")}>{t.toStart}</a>
    </Empty>
  );
}

/** Shows what a page failed with instead of an empty window. */
class Guard extends Component<{ children: ComponentChildren }, { error?: Error }> {
  override state: { error?: Error } = {};

  static override getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Empty title={t.crashed}>
        <p>{t.crashedHint}</p>
        <pre>{String(error)}</pre>
        <Button look="primary" onClick={() => location.reload()}>
          {t.reload}
        </Button>
      </Empty>
    );
  }
}
