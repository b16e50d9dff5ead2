import { messages } from "../i18n";

export const t = messages({
  en: {
    suggestions: "Suggestions",
    number: (n: number) => (n === 1 ? "1 suggestion" : `${n} suggestions`),
    clear: "Clear",
    choose: "choose",
    accept: "accept",
    search: "search",
  },
  zh: {
    suggestions: "建议",
    number: (n: number) => `${n} 条建议`,
    clear: "清空",
    choose: "选择",
    accept: "采用",
    search: "搜索",
  },
});
