import { messages } from "../i18n";

export const t = messages({
  en: {
    openTrace: (id: string) => `Open the trace ${id}`,
    spans: (n: string) => (n === "1" ? "1 span" : `${n} spans`),
  },
  zh: {
    openTrace: (id: string) => `打开 Trace ${id}`,
    spans: (n: string) => `${n} 个 Span`,
  },
});

/** What the fields that every span has are. */
export const fieldNotes = messages({
  en: {
    service: "the service's name",
    name: "the operation",
    kind: "server, client, …",
    status: "error, ok or unset",
    message: "text of the status",
    duration: "how long it took",
    trace: "the trace's ID",
    span: "the span's ID",
    parent: "the parent's ID; roots have none",
    scope: "the instrumentation",
    "scope.version": "its version",
    event: "name of an event",
  },
  zh: {
    service: "服务名",
    name: "操作名",
    kind: "server、client 等",
    status: "error、ok 或 unset",
    message: "状态说明",
    duration: "耗时",
    trace: "Trace ID",
    span: "Span ID",
    parent: "父 Span ID，根没有",
    scope: "埋点库",
    "scope.version": "埋点库版本",
    event: "事件名",
  },
});

export const operatorNotes = messages({
  en: {
    "=": "is",
    "!=": "is there and is not",
    "<": "less than",
    "<=": "at most",
    ">": "more than",
    ">=": "at least",
    "^=": "starts with",
    "*=": "contains",
    "=~": "matches the regular expression",
    "!~": "does not match",
    in: "is one of",
    "not in": "is none of",
    exists: "is there",
    "not exists": "is not there",
  },
  zh: {
    "=": "等于",
    "!=": "存在且不等于",
    "<": "小于",
    "<=": "不大于",
    ">": "大于",
    ">=": "不小于",
    "^=": "以…开头",
    "*=": "包含",
    "=~": "匹配正则表达式",
    "!~": "不匹配",
    in: "是其中之一",
    "not in": "不在其中",
    exists: "存在",
    "not exists": "不存在",
  },
});

export const wordNotes = messages({
  en: { and: "both hold", or: "one of them holds", not: "does not hold", "(": "a group", ")": "end of the group", ",": "another value" },
  zh: { and: "同时满足", or: "满足其一", not: "不满足", "(": "分组", ")": "结束分组", ",": "再加一个值" },
});
