import { render } from "preact";
import { start } from "./state/store";
import { App } from "./view/app";

start();
render(<App />, document.getElementById("app")!);
