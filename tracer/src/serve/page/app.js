// What is live: rows of the table, and charts of one container, from one stream of events.
'use strict';

const KEEP = 600;
const prefix = document.body.dataset.prefix;
const history = new Map();

// What went on per second between two points.
function rate(points, name) {
  if (points.length < 2) return null;
  const [before, now] = points.slice(-2);
  if (now[name] === null || before[name] === null) return null;
  return Math.max(0, now[name] - before[name]) / Math.max(0.001, (now.ms - before.ms) / 1000);
}

function rates(points, name, scale = 1) {
  const series = [];
  for (let at = 1; at < points.length; at += 1) {
    const value = rate(points.slice(at - 1, at + 1), name);
    series.push([points[at].ms, value === null ? null : value * scale]);
  }
  return series;
}

function remember(id, point) {
  const points = history.get(id) || [];
  if (points.length === 0 || points[points.length - 1].ms < point.ms) points.push(point);
  if (points.length > KEEP) points.shift();
  history.set(id, points);
  return points;
}

function showStatus(message) {
  const status = document.getElementById('status');
  if (!status) return;
  const { lost, engines, left_out: leftOut } = message.health;
  const more = leftOut === 0 ? '' : ` and ${leftOut} more that are not shown`;
  const parts = [`${message.containers.length} containers${more}`, lost === 0 ? 'nothing lost' : `${lost} events lost`];
  if (engines !== 'ok') parts.push(engines);
  status.textContent = parts.join(', ');
  status.classList.toggle('bad', lost !== 0);
}

// The table.

const table = document.getElementById('containers');
let order = { column: 'cpu', down: true };

const COLUMNS = [
  ['cpu', (points) => rate(points, 'cpu_s'), (value) => number(value * 100)],
  ['memory', (points) => points[points.length - 1].memory, bytes],
  ['limit', null, bytes],
  ['received', (points) => rate(points, 'received'), bytes],
  ['sent', (points) => rate(points, 'sent'), bytes],
  ['read', (points) => rate(points, 'read'), bytes],
  ['written', (points) => rate(points, 'written'), bytes],
  ['calls', (points) => rate(points, 'calls'), number],
  ['errors', (points) => rate(points, 'errors'), number],
];

function updateRow(row, points) {
  COLUMNS.forEach(([name, of, shown], at) => {
    const value = of ? of(points) : Number(row.dataset.limit) || null;
    row.dataset['v' + name] = value === null ? -1 : value;
    row.cells[at + 2].textContent = value === null ? '–' : shown(value);
  });
  spark(row.cells[row.cells.length - 1], rates(points, 'cpu_s', 100).slice(-120));
}

function arrange() {
  const body = table.tBodies[0];
  const query = document.getElementById('search').value.toLowerCase();
  const group = document.getElementById('group').value;
  const rows = [...body.rows].filter((row) => row.dataset.id);
  const text = (row) => row.cells[0].textContent;
  const key = (row) => {
    if (order.column === 'title') return text(row);
    if (order.column === 'image') return row.cells[1].textContent;
    return Number(row.dataset['v' + order.column] || -1);
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    const result = typeof x === 'string' ? x.localeCompare(y) : x - y;
    return (order.down ? -result : result) || text(a).localeCompare(text(b));
  };
  const groups = new Map();
  for (const row of rows) {
    row.hidden = query !== '' && !row.textContent.toLowerCase().includes(query);
    const name = group === '' ? '' : row.dataset[group] || 'none';
    groups.set(name, [...(groups.get(name) || []), row]);
  }
  const all = [];
  for (const name of [...groups.keys()].sort()) {
    const own = groups.get(name).sort(compare);
    if (group !== '') {
      const head = document.createElement('tr');
      head.className = 'group';
      const cell = document.createElement('th');
      cell.colSpan = table.tHead.rows[0].cells.length;
      cell.scope = 'rowgroup';
      cell.textContent = `${name} (${own.length})`;
      head.append(cell);
      all.push(head);
    }
    all.push(...own);
  }
  // Rows stay as they are when nothing moved, so that what is selected stays so.
  const before = [...body.rows];
  const same = before.length === all.length && all.every((row, at) => row === before[at]);
  if (!same) body.replaceChildren(...all);
}

function showTable(message) {
  const known = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.id, row]));
  const live = new Set(message.containers.map((container) => container.id));
  if (message.containers.some((container) => !known.has(container.id))) {
    // A new container: its row comes from the server, which knows its names.
    refetch();
  }
  for (const [id, row] of known) if (id && !live.has(id)) row.remove();
  for (const container of message.containers) {
    const points = remember(container.id, container);
    const row = known.get(container.id);
    if (row) updateRow(row, points);
  }
  for (const id of history.keys()) if (!live.has(id)) history.delete(id);
  arrange();
}

let fetching = false;
async function refetch() {
  if (fetching) return;
  fetching = true;
  try {
    const answer = await fetch(prefix + '/');
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const known = new Set([...table.tBodies[0].rows].map((row) => row.dataset.id));
    for (const row of page.querySelectorAll('#containers tbody tr')) {
      if (!known.has(row.dataset.id)) table.tBodies[0].append(document.importNode(row, true));
    }
    const none = document.getElementById('none');
    if (none) none.remove();
  } finally {
    fetching = false;
  }
}

function prepareTable() {
  for (const head of table.tHead.querySelectorAll('th[data-column]')) {
    head.querySelector('button').addEventListener('click', () => {
      const column = head.dataset.column;
      const isText = column === 'title' || column === 'image';
      order = { column, down: order.column === column ? !order.down : !isText };
      for (const other of table.tHead.querySelectorAll('th')) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', order.down ? 'descending' : 'ascending');
      arrange();
    });
  }
  document.getElementById('search').addEventListener('input', arrange);
  document.getElementById('group').addEventListener('change', arrange);
  document.querySelector('form.tools').addEventListener('submit', (event) => event.preventDefault());
}

// One container.

const charts = document.getElementById('charts');
let drawn = [];

async function prepareCharts() {
  drawn = [
    [new Chart(charts, 'CPU', [''], (value) => number(value) + ' %'), (points) => [rates(points, 'cpu_s', 100)]],
    [new Chart(charts, 'Memory', [''], bytes), (points) => [points.map((point) => [point.ms, point.memory])]],
    [
      new Chart(charts, 'Network', ['received', 'sent'], (value) => bytes(value) + '/s'),
      (points) => [rates(points, 'received'), rates(points, 'sent')],
    ],
    [
      new Chart(charts, 'Files', ['read', 'written'], (value) => bytes(value) + '/s'),
      (points) => [rates(points, 'read'), rates(points, 'written')],
    ],
    [
      new Chart(charts, 'System calls', ['calls', 'errors'], (value) => number(value) + '/s'),
      (points) => [rates(points, 'calls'), rates(points, 'errors')],
    ],
    [new Chart(charts, 'Held back by the CPU limit', [''], (value) => number(value) + ' %'), (points) => [rates(points, 'throttled_s', 100)]],
  ];
  const answer = await fetch(`${prefix}/api/v1/containers/${encodeURIComponent(charts.dataset.id)}`);
  if (answer.ok) history.set(charts.dataset.id, (await answer.json()).history);
  drawCharts();
}

function drawCharts() {
  const points = history.get(charts.dataset.id) || [];
  for (const [chart, series] of drawn) chart.draw(series(points));
}

function showCharts(message) {
  const own = message.containers.find((container) => container.id === charts.dataset.id);
  if (own) {
    remember(own.id, own);
    drawCharts();
  } else {
    document.getElementById('status').textContent = 'This container has ended.';
  }
}

function begin() {
  if (table) prepareTable();
  if (charts) prepareCharts();
  if (!table && !charts) return;
  const source = new EventSource(prefix + '/api/v1/watch');
  source.addEventListener('message', (event) => {
    const message = JSON.parse(event.data);
    showStatus(message);
    if (table) showTable(message);
    if (charts) showCharts(message);
  });
  source.addEventListener('error', () => {
    const status = document.getElementById('status');
    status.textContent = 'The server does not answer; trying again.';
    status.classList.add('bad');
  });
}

begin();
