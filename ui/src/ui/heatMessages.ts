import { messages } from "../i18n";

export const t = messages({
  en: {
    spans: (n: string) => (n === "1" ? "1 span" : `${n} spans`),
    errors: (n: string) => (n === "1" ? "1 error" : `${n} errors`),
    clickOpens: "Click: open an example",
    dragSelects: "Drag: select",
    keys: "Arrow keys move, Shift with arrow keys selects, Enter takes the selection, O opens an example, Escape gives up",
    summary: (spans: string, failed: string, from: string, to: string) => `${spans === "1" ? "1 span" : `${spans} spans`}, ${failed} errors, most of them between ${from} and ${to}`,
    empty: "No spans",
  },
  zh: {
    spans: (n: string) => `${n} 个 Span`,
    errors: (n: string) => `${n} 个错误`,
    clickOpens: "点击：打开一个示例",
    dragSelects: "拖动：框选",
    keys: "方向键移动，Shift 加方向键框选，Enter 确认选区，O 打开示例，Esc 取消",
    summary: (spans: string, failed: string, from: string, to: string) => `${spans} 个 Span，${failed} 个错误，多数在 ${from} 到 ${to} 之间`,
    empty: "没有 Span",
  },
});
