import { defineConfig } from "vite";

export default defineConfig({
  // The page works at any path.
  base: "./",
  build: { target: "es2022" },
  // The client is a folder beside, not a package.
  server: { fs: { allow: ["../../.."] } },
});
