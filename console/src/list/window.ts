import { type RefObject, type UIEvent, useCallback, useLayoutEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

/**
 * Which of many rows of one height are seen. They stand on a stage that sticks where it is while the list is scrolled
 * behind it, and are moved when the page itself hears of the scrolling: what a browser shows before it has painted what it
 * scrolled to is therefore the rows of a moment ago, and never nothing.
 */

/** Rows beside those that are seen, for whoever goes from row to row by the keyboard. */
const NEAR = 6;
/** Rows of a screen of which nothing is known yet. */
const SEEN_FIRST = 30;
/** Rows are placed from the last multiple of this on: a browser places nothing exactly millions of pixels away. */
const STRIDE = 1_000;

export interface Window {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  /** Where a row stands on what is moved, in pixels. */
  readonly topOf: (index: number) => number;
  readonly onScroll: (event: UIEvent<HTMLElement>) => void;
  readonly scrollTo: (index: number) => void;
}

/** `head`: what sticks above the rows, in pixels; `start`: where the list was scrolled to when it was left. */
export function useWindow(
  scroller: RefObject<HTMLElement | null>,
  moved: RefObject<HTMLElement | null>,
  { count, rowHeight, head, start }: { count: number; rowHeight: number; head: number; start: number },
): Window {
  const [range, setRange] = useState(() => {
    const first = Math.floor(start / rowHeight);
    return { from: Math.max(0, first - NEAR), to: first + SEEN_FIRST + NEAR };
  });
  const height = useRef(rowHeight);
  const base = useRef(0);
  const move = useCallback((): void => {
    const element = scroller.current;
    if (element && moved.current)
      moved.current.style.transform = `translateY(${base.current * rowHeight - element.scrollTop}px)`;
  }, [scroller, moved, rowHeight]);
  const look = useCallback((): void => {
    const { scrollTop, clientHeight } = scroller.current!;
    const from = Math.max(0, Math.floor(scrollTop / rowHeight) - NEAR);
    const to = Math.ceil((scrollTop + clientHeight) / rowHeight) + NEAR;
    setRange((shown) => (shown.from === from && shown.to === to ? shown : { from, to }));
  }, [scroller, rowHeight]);
  useLayoutEffect(() => {
    const element = scroller.current!;
    if (height.current === rowHeight) element.scrollTop = start;
    // The rows are higher or lower than before: the first that was seen stays the first.
    else element.scrollTop = (element.scrollTop / height.current) * rowHeight;
    height.current = rowHeight;
    const resized = new ResizeObserver(() => {
      element.style.setProperty('--seen', `${element.clientHeight - head}px`);
      look();
    });
    resized.observe(element);
    look();
    return () => resized.disconnect();
  }, [scroller, rowHeight, head, look]);
  const from = Math.min(range.from, Math.max(0, count - 1));
  base.current = Math.floor(from / STRIDE) * STRIDE;
  useLayoutEffect(move);
  return {
    from,
    to: Math.min(range.to, count),
    topOf: (index) => (index - base.current) * rowHeight,
    // Before the frame is painted.
    onScroll() {
      flushSync(look);
      move();
    },
    scrollTo(index) {
      const element = scroller.current;
      if (!element) return;
      const top = index * rowHeight;
      const bottom = top + rowHeight + head;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    },
  };
}
