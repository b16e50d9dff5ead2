import "./theme/tokens.css";
import "./theme/base.css";
import { render } from "preact";
import { App } from "./app";

render(<App />, document.getElementById("app")!);
