import { messages } from "../i18n";

export const t = messages({
  en: {
    copy: "Copy",
    copied: "Copied",
    retry: "Try again",
    unreachable: "The server cannot be reached. It may have been stopped; this page goes on when it is back.",
    failed: "This could not be loaded",
    badParameter: (name: string) => `The server does not understand the parameter ${name}`,
    partial: "Not everything was read",
    loading: "Loading",
    close: "Close",
  },
  zh: {
    copy: "复制",
    copied: "已复制",
    retry: "重试",
    unreachable: "无法连接服务器。它可能已停止；恢复后本页会继续工作。",
    failed: "加载失败",
    badParameter: (name: string) => `服务器不理解参数 ${name}`,
    partial: "未能读取全部数据",
    loading: "加载中",
    close: "关闭",
  },
});
