// Charts as SVG: a line for each series, an axis of time, the newest value in words.
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return (unit === 0 ? Math.round(value) : value.toFixed(2)) + units[unit];
}

function number(value) {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

// The points of a polyline. Where a value is missing the line has a gap.
function paths(points, width, height, top, from, to) {
  const lines = [];
  let line = '';
  for (const [time, value] of points) {
    if (value === null || Number.isNaN(value)) {
      if (line) lines.push(line);
      line = '';
      continue;
    }
    const x = ((time - from) / Math.max(to - from, 1)) * width;
    const y = height - (value / (top || 1)) * height;
    line += (line ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1);
  }
  if (line) lines.push(line);
  return lines.join('');
}

function spark(cell, points) {
  const width = 120;
  const height = 20;
  const top = Math.max(1, ...points.map(([, value]) => value || 0));
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' });
  if (points.length > 1) {
    const d = paths(points, width, height - 1, top, points[0][0], points[points.length - 1][0]);
    svg('path', { d, class: 'line s0' }, picture);
  }
  cell.replaceChildren(picture);
}

class Chart {
  constructor(parent, title, names, shown) {
    this.shown = shown;
    this.names = names;
    this.figure = document.createElement('figure');
    this.caption = document.createElement('figcaption');
    this.title = document.createElement('b');
    this.title.textContent = title;
    this.words = document.createElement('span');
    this.caption.append(this.title, ' ', this.words);
    this.picture = svg('svg', { viewBox: '0 0 600 140', preserveAspectRatio: 'none', role: 'img', 'aria-label': title });
    this.axis = document.createElement('div');
    this.axis.className = 'axis';
    this.figure.append(this.caption, this.picture, this.axis);
    parent.append(this.figure);
  }

  // `series` has an array of [ms, value] for each name.
  draw(series) {
    const all = series.flat();
    if (all.length === 0) return;
    const from = Math.min(...all.map(([time]) => time));
    const to = Math.max(...all.map(([time]) => time));
    const top = Math.max(1e-9, ...all.map(([, value]) => value || 0)) * 1.1;
    this.picture.replaceChildren();
    for (const part of [0.25, 0.5, 0.75]) {
      svg('line', { x1: 0, x2: 600, y1: 140 * part, y2: 140 * part, class: 'grid' }, this.picture);
    }
    const words = [];
    series.forEach((points, at) => {
      svg('path', { d: paths(points, 600, 139, top, from, to), class: `line s${at}` }, this.picture);
      const newest = [...points].reverse().find(([, value]) => value !== null);
      if (newest) words.push(`${this.names[at]} ${this.shown(newest[1])}`.trim());
    });
    this.words.textContent = words.join(', ');
    const minutes = (to - from) / 60000;
    this.axis.textContent = `${minutes < 1 ? Math.round(minutes * 60) + ' s' : minutes.toFixed(1) + ' min'} ago … now, up to ${this.shown(top)}`;
  }
}
