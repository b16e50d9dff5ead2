import { expect, inaccessible, main, settled, shot, test } from "../page";

const id = main.ids;
const pages: Record<string, string> = {
  overview: "",
  search: "search?q=status+%3D+error",
  "search-empty": "search?q=service+%3D+nobody",
  "search-wrong": "search?q=duration+%3E",
  map: "map",
  service: "service?name=inventory",
  route: "service?name=edge&operation=POST+%2Fv1%2Forders&kind=server",
  trace: `trace/${id?.checkout}`,
  "trace-flame": `trace/${id?.checkout}?view=flame`,
  "trace-table": `trace/${id?.checkout}?view=table`,
  "trace-errors": `trace/${id?.errors}`,
  "trace-names": `trace/${id?.names}`,
  compare: `compare?a=${id?.["checkout-before"]}&b=${id?.checkout}`,
  "compare-empty": "compare",
};

for (const [lang, theme] of [["en", "light"], ["en", "dark"], ["zh", "light"], ["zh", "dark"]]) {
  test(`every page is accessible: ${lang}, ${theme}`, async ({ page, watch }) => {
    test.slow();
    watch.expects(/400 \(Bad Request\)/); // a query that is wrong is one of the pages
    await page.addInitScript(([lang, theme]) => {
      localStorage.setItem("weft.lang", JSON.stringify(lang));
      localStorage.setItem("weft.theme", JSON.stringify(theme));
    }, [lang, theme]);
    const found: string[] = [];
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(main.url + path);
      await settled(page);
      found.push(...(await inaccessible(page, name)));
      await shot(page, `${name}-${lang}-${theme}`);
    }
    expect(found).toEqual([]);
  });
}
