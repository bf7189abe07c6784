// What of the page does not fit: words that are cut or lie over others, plots beyond their place, controls that are
// covered. A list of sentences, empty where all is well.
() => {
  const found = new Set();
  const main = document.querySelector('[data-testid=stMain]');
  const seen = e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const cuts = overflow => ['hidden', 'clip'].includes(overflow);
  const scrolls = overflow => ['auto', 'scroll'].includes(overflow);
  const named = e => {
    const key = e.closest('[class*=st-key-]')?.className.match(/st-key-(\S+)/)?.[1] ?? '';
    return `${key} ${e.tagName.toLowerCase()}`.trim();
  };

  // The lines of a text that are to be read, each as [box, its words, its element]; tells of what cuts them.
  function lines(node) {
    const parent = node.parentElement, words = node.data.trim().slice(0, 40), range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(box => box.width > 1 && box.height > 1 && box.right > 0);
    let across = true, down = true;
    for (let e = parent.closest('svg') ?? parent; e !== document.body; e = e.parentElement) {
      const style = getComputedStyle(e), place = e.getBoundingClientRect();
      if (style.display === 'contents' || (style.display === 'inline' && e.tagName !== 'svg')) continue;
      if (style.clip !== 'auto' || (cuts(style.overflowX) && place.width < 2)) return [];  // for screen readers alone
      if (style.textOverflow === 'ellipsis' && cuts(style.overflowX)) {
        const told = e.scrollWidth <= e.clientWidth + 1 || parent.closest('[title]');
        if (!told) found.add(`${named(e)} ends in dots: ${words}`);
        return [];
      }
      across &&= !scrolls(style.overflowX);
      down &&= !scrolls(style.overflowY);
      for (const box of boxes) {
        const slack = Math.max(1.5, box.height / 4);
        const beside = box.right > place.right + 1.5 || box.left < place.left - 1.5;
        const below = box.bottom > place.bottom + slack || box.top < place.top - slack;
        if ((across && cuts(style.overflowX) && beside) || (down && cuts(style.overflowY) && below))
          found.add(`${named(e)} cuts: ${words}`);
      }
    }
    const out = boxes.some(box => box.right > innerWidth + 1 || box.left < -1);
    if (across && out) found.add(`beyond the window: ${words}`);
    return boxes.map(box => [box, words, parent]);
  }

  function texts() {
    const skipped = 'style, script, noscript, title, .modebar, .katex-mathml', all = [];
    const walk = document.createTreeWalker(document.querySelector('[data-testid=stApp]'), NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode()); ) {
      const parent = node.parentElement, closed = parent.matches('details:not([open])');
      if (!node.data.trim() || closed || parent.closest(skipped) || !seen(parent)) continue;
      all.push(...lines(node));
    }
    return all;
  }

  function overlaps(all) {
    const stays = e => !!e && (['sticky', 'fixed'].includes(getComputedStyle(e).position) || stays(e.parentElement));
    const formula = e => e.closest('.katex');
    const core = box => [box.top + box.height / 5, box.bottom - box.height / 5];
    const sorted = all.sort(([a], [b]) => a.left - b.left);
    sorted.forEach(([a, words, e], i) => {
      for (let j = i + 1; j < sorted.length && sorted[j][0].left < a.right - 3; j++) {
        const [b, others, f] = sorted[j];
        const [[high, low], [upper, lower]] = [core(a), core(b)];
        if (Math.min(low, lower) - Math.max(high, upper) < 1) continue;
        if (e === f || (formula(e) && formula(e) === formula(f)) || stays(e) !== stays(f)) continue;
        found.add(`${named(e)}: "${words}" and "${others}" lie over each other`);
      }
    });
  }

  function plots() {
    const kinds = '.ravine-plot, .stVegaLiteChart svg, .stMain img, .stDataFrame';
    for (const plot of [...document.querySelectorAll(kinds)].filter(seen)) {
      const box = plot.getBoundingClientRect(), drawn = plot._fullLayout;
      const place = plot.parentElement.getBoundingClientRect(), vega = plot.matches('.marks');
      if (box.right > innerWidth + 1 || box.left < -1) found.add(`${named(plot)}: a plot beyond the window`);
      if (box.right > place.right + 1.5) found.add(`${named(plot)}: a plot beyond its place`);
      if (vega && box.width < place.width - 2) found.add(`${named(plot)}: a plot narrower than its place`);
      const area = vega && plot.querySelector('.role-frame > g > .background')?.getBoundingClientRect().height;
      if (area && area < 139) found.add(`${named(plot)}: a plot ${Math.round(area)} pixels high`);
      if (!drawn) continue;
      if (Math.abs(drawn.width - plot.clientWidth) > 1) found.add(`${named(plot)}: drawn for another width`);
      if (!drawn.xaxis) continue;
      if (drawn._size.h < 139) found.add(`${named(plot)}: a plot ${Math.round(drawn._size.h)} pixels high`);
      const legend = plot.querySelector('g.legend')?.getBoundingClientRect(), top = box.top + drawn.yaxis._offset;
      if (legend?.width && legend.bottom > top + 3) found.add(`${named(plot)}: the legend lies on the plot`);
    }
  }

  function covered() {
    const kinds = ':is(button, a[href], input:not([type=range]), textarea, summary):enabled, a[href], summary';
    const side = document.querySelector('[data-testid=stSidebar]')?.getBoundingClientRect();
    const closed = innerWidth < 768;
    if (closed && side?.right > 0) found.add('the closed sidebar covers the page');
    for (const e of document.querySelectorAll(`[data-testid=stApp] :is(${kinds})`)) {
      const gone = e.closest('.modebar, .st-key-present-keys') || (closed && e.closest('[data-testid=stSidebar]'));
      if (gone || !seen(e) || e.getBoundingClientRect().width < 3) continue;
      e.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
      const box = e.getBoundingClientRect();
      const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      const own = e.closest('label') ?? e.parentElement;
      if (top && (own.contains(top) || top.contains(e))) continue;
      const words = (e.innerText || e.ariaLabel || '').slice(0, 30);
      found.add(`${named(e)} "${words}" is covered by ${top ? named(top) : 'nothing'}`);
    }
    main.scrollTo(0, 0);
    document.querySelector('[data-testid=stSidebarContent]')?.scrollTo(0, 0);
  }

  for (const e of [document.scrollingElement, main].filter(e => e.scrollWidth > e.clientWidth + 1))
    found.add(`${named(e)} scrolls sideways: ${e.scrollWidth} > ${e.clientWidth}`);
  overlaps(texts());
  plots();
  covered();
  return [...found];
}
