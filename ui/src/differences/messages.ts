import { messages } from "../i18n";

export const t = messages({
  en: {
    absent: "not there",
    share: (here: string, there: string) => `${here} here, ${there} of the others`,
    someValues: "Further values are not counted",
    showMore: (n: number) => (n === 1 ? "1 more attribute" : `${n} more attributes`),
  },
  zh: {
    absent: "不存在",
    share: (here: string, there: string) => `此处 ${here}，其他 ${there}`,
    someValues: "其余的值未统计",
    showMore: (n: number) => `还有 ${n} 个属性`,
  },
});
