<?php

/** The choices of one user of an application, the same for the same seed. */
final class Author
{
    public function __construct(int $seed, private array $words)
    {
        mt_srand($seed);
    }

    public function number(int $max): int
    {
        return mt_rand(0, $max);
    }

    public function of(array $choices): mixed
    {
        return $choices[array_rand($choices)];
    }

    public function text(int $words): string
    {
        return implode(' ', array_map(fn () => $this->of($this->words), range(1, $words)));
    }
}
