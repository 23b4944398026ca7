// How long calls take, as it changes: a column for each second, a row for each range, the darker the more calls. The table below has the sums.
'use strict';

const HEAT_SECONDS = 120;
const HEAT_ROW = 14;

class Heat {
  constructor(section) {
    this.section = section;
    this.columns = [];
    this.before = null;
    this.table = section.querySelector('table');
    const choice = document.createElement('label');
    choice.textContent = 'Class ';
    this.choice = document.createElement('select');
    choice.append(this.choice);
    this.names = document.createElement('div');
    this.names.className = 'ranges';
    this.names.setAttribute('aria-hidden', 'true');
    const label = 'Calls by duration and time; the table has the numbers';
    this.picture = svg('svg', { preserveAspectRatio: 'none', role: 'img', 'aria-label': label });
    const map = document.createElement('div');
    map.className = 'heat';
    map.append(this.names, this.picture);
    const axis = document.createElement('div');
    axis.className = 'axis';
    axis.textContent = `${HEAT_SECONDS} s ago … now`;
    section.querySelector('.now').prepend(choice, map, axis);
    this.choice.addEventListener('change', () => this.draw());
  }

  // Counts since tracer began become those of the time since the message before.
  add(message) {
    const count = message.ranges.length;
    if (this.before && message.time_ms > this.before.time_ms) {
      const classes = {};
      for (const [name, counts] of Object.entries(message.classes)) {
        const old = this.before.classes[name] || new Array(count).fill(0);
        classes[name] = counts.map((value, at) => Math.max(0, value - old[at]));
      }
      this.columns.push({ from: this.before.time_ms, to: message.time_ms, classes });
    }
    this.before = message;
    const oldest = message.time_ms - HEAT_SECONDS * 1000;
    this.columns = this.columns.filter((column) => column.to > oldest);
    this.prepare(message);
    this.draw();
  }

  prepare(message) {
    const known = [...this.choice.options].map((option) => option.value);
    for (const name of ['all', ...Object.keys(message.classes)]) {
      if (known.includes(name)) continue;
      const option = document.createElement('option');
      option.value = name;
      option.textContent = name;
      this.choice.append(option);
    }
    if (this.names.childElementCount === 0) {
      for (const name of [...message.ranges].reverse()) {
        const span = document.createElement('span');
        span.textContent = name;
        this.names.append(span);
      }
      const height = HEAT_ROW * message.ranges.length;
      this.picture.setAttribute('viewBox', `0 0 ${HEAT_SECONDS * 1000} ${height}`);
      this.picture.setAttribute('height', height);
    }
  }

  counts(column) {
    const chosen = this.choice.value;
    const all = Object.entries(column.classes).filter(([name]) => chosen === 'all' || name === chosen);
    const sums = new Array(this.before.ranges.length).fill(0);
    for (const [, counts] of all) counts.forEach((value, at) => { sums[at] += value; });
    return sums;
  }

  draw() {
    if (!this.before) return;
    const rows = this.columns.map((column) => [column, this.counts(column)]);
    const most = Math.max(1, ...rows.map(([, counts]) => Math.max(...counts)));
    const begin = this.before.time_ms - HEAT_SECONDS * 1000;
    const cells = [];
    for (const [column, counts] of rows) {
      counts.forEach((value, at) => {
        if (value === 0) return;
        const opacity = (0.2 + 0.8 * (Math.log1p(value) / Math.log1p(most))).toFixed(2);
        const y = (counts.length - 1 - at) * HEAT_ROW;
        const x = Math.max(0, column.from - begin);
        const width = column.to - begin - x;
        cells.push(svg('rect', { x, y, width, height: HEAT_ROW - 1, class: 'cell', 'fill-opacity': opacity }));
      });
    }
    this.picture.replaceChildren(...cells);
    this.fill();
  }

  // The table has what the map shows: a column for each class, and one for all of them.
  fill() {
    const { ranges, classes } = this.before;
    const names = Object.keys(classes);
    const sums = {};
    for (const name of names) sums[name] = new Array(ranges.length).fill(0);
    for (const column of this.columns) {
      for (const [name, counts] of Object.entries(column.classes)) counts.forEach((value, at) => { sums[name][at] += value; });
    }
    const seconds = this.columns.reduce((sum, column) => sum + column.to - column.from, 0) / 1000;
    this.table.caption.textContent = `Calls by duration, the last ${Math.round(seconds)} s`;
    const numbers = [false, ...names.map(() => true)];
    this.table.tHead.replaceChildren();
    addRow(this.table.tHead, ['Duration', ...names], 'th', numbers);
    const body = this.table.tBodies[0];
    body.replaceChildren();
    ranges.forEach((range, at) => addRow(body, [range, ...names.map((name) => String(sums[name][at]))], 'td', numbers));
  }
}

// Begins to show it; what is returned ends with close().
function showHeat(section) {
  const heat = section.heat || new Heat(section);
  section.heat = heat;
  // What happened while nobody looked has no column.
  heat.before = null;
  const source = new EventSource(section.dataset.path);
  source.addEventListener('message', (message) => heat.add(JSON.parse(message.data)));
  return source;
}
