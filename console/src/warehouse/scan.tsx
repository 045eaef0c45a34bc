import { Paper, Text, TextInput } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Icon } from '../shell/icons.tsx';

/** Keys that are meant for where they are typed. */
const OWN = 'input, textarea, select, [contenteditable], [role=dialog], [role=listbox]';

/**
 * A field for a scanner, which is a keyboard that ends with Enter. It has the focus and gets it back; what is scanned while
 * something else has it, such as a button that was pressed, goes here as well, and no key is a shortcut meanwhile.
 */
export function ScanField({
  label,
  help,
  busy,
  scan,
}: {
  readonly label: string;
  readonly help?: string;
  /** What is scanned meanwhile waits, and is taken when the one before is done. */
  readonly busy: boolean;
  readonly scan: (text: string) => void;
}): ReactNode {
  const [typed, setTyped] = useState('');
  const box = useRef<HTMLInputElement>(null);
  const waiting = useRef<string[]>([]);
  useEffect(() => {
    if (busy) return;
    const next = waiting.current.shift();
    if (next !== undefined) scan(next);
    box.current?.focus();
  }, [busy, label]);
  useEffect(() => {
    const again = (): void => box.current?.focus();
    const typedElsewhere = (event: KeyboardEvent): void => {
      const { key, ctrlKey, metaKey, altKey } = event;
      if (key.length !== 1 || key === ' ' || ctrlKey || metaKey || altKey) return;
      if ((event.target as Element).closest(OWN) || document.querySelector('[role=dialog]')) return;
      event.stopPropagation();
      again();
    };
    window.addEventListener('focus', again);
    window.addEventListener('keydown', typedElsewhere, true);
    return () => {
      window.removeEventListener('focus', again);
      window.removeEventListener('keydown', typedElsewhere, true);
    };
  }, []);
  return (
    <form
      className="scan"
      onSubmit={(event) => {
        event.preventDefault();
        const text = typed.trim();
        if (text === '') return;
        setTyped('');
        if (busy) waiting.current.push(text);
        else scan(text);
      }}
    >
      <TextInput
        ref={box}
        size="lg"
        label={label}
        description={help}
        leftSection={<Icon name="search" size={20} />}
        autoFocus
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        enterKeyHint="go"
        maxLength={100}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={(event) => {
          // A click beside everything is not meant to take the focus away; one on a button is.
          if (event.relatedTarget === null && document.hasFocus() && !document.querySelector('[role=dialog]'))
            setTimeout(() => {
              if (document.activeElement === document.body) box.current?.focus();
            });
        }}
      />
    </form>
  );
}

export interface Feedback {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly title: string;
  readonly detail?: string;
  /** A new one for each scan, so that the same words are said again. */
  readonly number: number;
}

/** What was said of the last scan; `say` says the next thing, `silence` takes it away. */
export function useFeedback(): {
  readonly feedback: Feedback | undefined;
  readonly say: (tone: Feedback['tone'], title: string, detail?: string) => void;
  readonly silence: () => void;
} {
  const [feedback, setFeedback] = useState<Feedback>();
  return {
    feedback,
    say: (tone, title, detail) =>
      setFeedback((before) => ({
        tone,
        title,
        number: (before?.number ?? 0) + 1,
        ...(detail !== undefined && { detail }),
      })),
    silence: () => setFeedback(undefined),
  };
}

/** What became of the last scan, large, and as a sound: whoever packs does not look at the screen. */
export function Said({
  feedback,
  children,
}: {
  readonly feedback: Feedback;
  readonly children?: ReactNode;
}): ReactNode {
  const { tone, title, detail, number } = feedback;
  useEffect(() => sound(tone), [number]);
  return (
    <Paper key={number} className={`said ${tone}`} role={tone === 'good' ? 'status' : 'alert'} radius="md">
      <span className="mark" aria-hidden="true">
        {tone === 'good' ? '✓' : tone === 'warn' ? '!' : '✕'}
      </span>
      <div>
        <strong>{title}</strong>
        {detail !== undefined && <Text size="sm">{detail}</Text>}
        {children}
      </div>
    </Paper>
  );
}

const TONES = { good: [880], warn: [440, 440], bad: [220, 160] } as const;
const BEEP_S = 0.12;
let player: AudioContext | undefined;

function sound(tone: Feedback['tone']): void {
  try {
    player ??= new AudioContext();
    for (const [index, frequency] of TONES[tone].entries()) {
      const oscillator = player.createOscillator();
      const volume = player.createGain();
      volume.gain.value = 0.15;
      oscillator.frequency.value = frequency;
      oscillator.connect(volume).connect(player.destination);
      const at = player.currentTime + index * BEEP_S * 1.4;
      oscillator.start(at);
      oscillator.stop(at + BEEP_S);
    }
  } catch {
    // No sound here; the words are there.
  }
  if (tone !== 'good') navigator.vibrate?.(200);
}
