import { defineConfig, type Plugin } from "vite";

// Where `npm run dev` finds a running weft serve.
const server = process.env.WEFT_SERVER ?? "http://127.0.0.1:16686";

// In the built page weft serve writes how far the document is from the root; the development server has only its own root.
const rootBase: Plugin = {
  name: "root-base",
  apply: "serve",
  transformIndexHtml: (html) => html.replace('<base href="./">', '<base href="/">'),
};

export default defineConfig({
  base: "./", // relative, so that the page works behind any path prefix
  plugins: [rootBase],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the Content-Security-Policy knows no data: scripts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "^/(api|login|logout|session|healthz|readyz|metrics)": { target: server, changeOrigin: true } },
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], testTimeout: 60_000 }, // a busy machine takes its time
} as import("vitest/config").ViteUserConfig);
