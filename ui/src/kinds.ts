import type { Kind } from "./api/types";
import { messages } from "./i18n";

const t = messages({
  en: {
    unspecified: "unspecified",
    internal: "internal",
    server: "server",
    client: "client",
    producer: "producer",
    consumer: "consumer",
  },
  zh: {
    unspecified: "未指定",
    internal: "内部",
    server: "服务端",
    client: "客户端",
    producer: "生产者",
    consumer: "消费者",
  },
});

/** What a kind of span is called. */
export function kindName(kind: Kind): string {
  return t[kind];
}
